winnow synth pictures --count 3 --size 64 >/dev/null
echo "not a photo" >pictures/train/other/001.jpg
winnow synth --show-augment pictures/train/other -o sheet.jpg
od -An -tx1 -N3 sheet.jpg
