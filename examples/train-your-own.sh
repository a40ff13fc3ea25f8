#!/usr/bin/env bash
# The paper's whole system at a tiny size, from clips to a video and tables: prepare, train, generate, evaluate.
# It shows how the commands fit together; a base this small draws no convincing faces. All files are written to DIR.
#
#   IMAGINEID_MEDIAPIPE_PYTHON=~/mediapipe/bin/python bash train-your-own.sh DIR
#
# Needs a checkout, pip install -e '.[train,dev,evaluate]', and MediaPipe in an environment of its own (docs/prepare.md).
# CLIPS clips and STEPS training steps a stage can be set. Run it again after an interruption.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
clips=${CLIPS:-4} steps=${STEPS:-150}
export IMAGINEID_HOME=$dir/home

# 1. Clips, as somebody else might have them: here of people imagined by the embedded model.
mkdir -p "$dir/clips"
echo "path,speaker,emotion,text" > "$dir/clips/clips.csv"
for i in $(seq 0 $((clips - 1))); do
    emotion=$([ $((i % 2)) -eq 0 ] && echo happy || echo sad)
    speaker=$((i / 2 % 2))
    python - "$here/examples/speech.flac" "$dir/clips/$i.wav" "$i" << 'END'
import sys, soundfile
wave, rate = soundfile.read(sys.argv[1])
start = int(sys.argv[3]) % 4 * int(1.9 * rate)
soundfile.write(sys.argv[2], wave[start : start + int(1.6 * rate)], rate)
END
    python -m imagineid_cli generate "$dir/clips/$i.wav" -o "$dir/clips/$i.mp4" --seed "$speaker" \
        --emotion "$emotion" --size 256 --resume --quiet
    rm "$dir/clips/$i.wav"
    echo "$i.mp4,speaker$speaker,$emotion," >> "$dir/clips/clips.csv"
done

# 2. Training data.
python -m imagineid_prepare "$dir/clips" -o "$dir/data" --size 128

# 3. A base with the classes and files of Stable Diffusion 1.5. In earnest: imagineid weights pull sd15
if [ ! -d "$dir/home/weights/tiny-base" ]; then
    rm -rf "$dir/base"
    PYTHONPATH=$here/tests${PYTHONPATH:+:$PYTHONPATH} python "$here/examples/tiny_base.py" "$dir/data" "$dir/base"
    python -m imagineid_cli weights pull tiny-base --from "$dir/base" --quiet
fi

# 4. Every stage of PAD and the three adapters on the frozen base.
python -m imagineid_train sd15 --base tiny-base --data "$dir/data" -o "$dir/adapters" --steps "$steps" --batch 8 \
    --batch mba=4 --batch matte=4 --rate tia=1e-3 --rate sca=2e-3 \
    --pad mini --matting own --inpainting harmonic --save-every 50

# 5. A video.
if [ -d "$dir/home/weights/mine" ]; then python -m imagineid_cli weights remove mine; fi
python -m imagineid_cli weights pull mine --from "$dir/adapters" --quiet
python -m imagineid_cli generate "$here/examples/speech.flac" --model sd15 --adapters mine --seed 1 \
    -o "$dir/video.mp4" --overwrite --quiet

# 6. The paper's tables, here of the clips that were trained on. In earnest: other clips, and --judges FOLDER
python -m imagineid_evaluate tables "$dir/data" --model mine --most 2 -o "$dir/tables" --json "$dir/tables/tables.json"

# 7. Every loss has fallen.
python - "$dir/adapters.training" << 'END'
import json, sys
from pathlib import Path
failed = False
for path in sorted(Path(sys.argv[1]).glob("*/losses.jsonl")):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    totals = [sum(value for name, value in row.items() if name != "step") for row in rows]
    fifth = max(1, len(totals) // 5)
    first, last = sum(totals[:fifth]) / fifth, sum(totals[-fifth:]) / fifth
    print(f"{path.parent.name:10} {len(totals):5} steps: loss {first:.4f} -> {last:.4f}")
    failed |= last >= first
sys.exit("a loss has not fallen" if failed else 0)
END
