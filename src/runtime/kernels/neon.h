/* SPDX-License-Identifier: Apache-2.0
 * 16 floats to 16 bytes with NEON: for baseline.c and dotprod.c. */
#define TO_BYTES(q)                                                                                          \
    to_bytes((float32x4_t)(q)[0], (float32x4_t)(q)[1], (float32x4_t)(q)[2], (float32x4_t)(q)[3])
#define STORE16(to, bytes) vst1q_u8(to, bytes)

static inline uint16x4_t to_words(float32x4_t q)
{
    return vmovn_u32(vcvtnq_u32_f32(q));
}

static inline uint8x16_t to_bytes(float32x4_t a, float32x4_t b, float32x4_t c, float32x4_t d)
{
    return vcombine_u8(vmovn_u16(vcombine_u16(to_words(a), to_words(b))),
                       vmovn_u16(vcombine_u16(to_words(c), to_words(d))));
}
