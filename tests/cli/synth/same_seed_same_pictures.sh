winnow synth a --count 3 --size 40 --seed 5 >/dev/null
winnow synth b --count 3 --size 40 --seed 5 >/dev/null
winnow synth c --count 3 --size 40 --seed 6 >/dev/null
diff -r a b && echo "seed 5 twice: the same"
cmp -s a/train/other/000.jpg c/train/other/000.jpg || echo "seed 6: others"
cmp -s a/train/other/000.jpg a/test/other/000.jpg || echo "testing: others than training"
