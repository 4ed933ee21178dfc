winnow synth pictures --count 1 --size 64 >/dev/null
for kind in none light phone; do
    winnow synth --show-augment pictures/test/other/000.jpg --augment $kind -o $kind.jpg
done
cmp -s none.jpg light.jpg || cmp -s light.jpg phone.jpg || echo "three kinds, three sheets"
