#!/usr/bin/env bash
# Makes docs/top.png: a kernel of its own with a dozen agents, `wisp top` on a terminal, and Chromium as the camera.
# Needs the built program, script(1), python3 and Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=$(mktemp -d)
export XDG_DATA_HOME=$work/data XDG_RUNTIME_DIR=$work/run TERM=xterm-256color
wisp=(dotnet artifacts/bin/Wisp/release/wisp.dll)

# Memory for the keys and values of some six of them: those that wait longest go to files.
"${wisp[@]}" kernel -m wisp-chat --cache 1216 --slots 8 2>"$work/log" &
kernel=$!
trap 'kill $kernel 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
until [ -S "$work/run/wisp/kernel.sock" ]; do sleep 0.1; done

# Requests as `wisp spawn` and `kill` send them; the commands themselves would take longer than the agents live.
python3 - "$work/run/wisp/kernel.sock" <<'PY' &
import json, socket, sys, time
kernel = socket.socket(socket.AF_UNIX)
kernel.connect(sys.argv[1])
lines = kernel.makefile()
def send(**request):
    kernel.sendall((json.dumps(request) + "\n").encode())
    return json.loads(lines.readline())
def spawn(name, message, **more):
    agent = {"name": name, "instructions": "", "message": message, "temperature": 0, "turnTokens": 340, "detached": True,
             "weight": 1, "class": "Normal", "limits": {}, "capabilities": [], **more}
    return send(op="Spawn", spawn=agent)["pid"]
def calculator(asks):
    return [{"pattern": "/tools/calculator", "rights": "Call", "asks": asks, "arguments": {}, "whenTainted": True}]
def limit(tokens):
    return {"DecodeTokens": {"max": tokens}}
stories = [spawn(name, "Tell me of the " + name + ". " + "It was long ago, and nobody knew. " * 16, stays=True, limits=limit(900),
                 **{"class": "Batch"}) for name in ("harbour", "bridge", "winter")]
spawn("payroll", "90 - 45", listsTools=True, stays=True, capabilities=calculator(True), **{"class": "Interactive"})
time.sleep(0.5)
send(op="Signal", pid=stories[1], signal="Stop")
number, end = 0, time.time() + 60
while time.time() < end:
    alive = sum(p["state"] in ("Ready", "Running", "Blocked") for p in send(op="Ps")["processes"])
    for _ in range(11 - alive):
        number += 1
        if number % 2:
            spawn(f"ledger-{number}", f"What is {number + 11} * {number % 90 + 7}?", listsTools=True, stays=number % 9 == 0,
                  capabilities=calculator(False), limits=limit(200))
        else:
            spawn(f"letter-{number}", f"Write letter {number} to my friend about the old house at the sea.",
                  instructions="You write letters.", temperature=1, seed=number, limits=limit(400))
    time.sleep(0.01)
PY
feeder=$!
sleep 2
script -qefc "stty cols 132 rows 24; timeout --foreground -s INT 4 ${wisp[*]} top" "$work/raw" >/dev/null || true
kill $feeder

# The last whole drawing, its colours as HTML.
awk 'BEGIN { RS = "\033\\[\\?2026h"; ORS = "" } /\033\[\?2026l/ { last = $0 } END { sub(/\033\[\?2026l.*/, "", last); print last }' "$work/raw" |
    tr -d '\r' | sed -E 's/\x1b\[[0-9]*[AJ]//g; s/&/\&amp;/g; s/</\&lt;/g
        s/\x1b\[0?m/<\/b>/g
        s/\x1b\[1m/<b class=h>/g
        s/\x1b\[(38;5;8|90)m/<b class=d>/g
        s/\x1b\[(38;5;2|32)m/<b class=g>/g
        s/\x1b\[(38;5;(3|11)|33|93)m/<b class=y>/g
        s/\x1b\[[0-9;]*m/<b class=a>/g' >"$work/lines"
{
    cat <<'HTML'
<!doctype html><meta charset=utf-8><style>
body { margin: 0; background: #0d1117 } pre { margin: 0; padding: 16px 20px; color: #d0d7de; font: 14px/1.35 "DejaVu Sans Mono", monospace }
b { font-weight: normal } .h { font-weight: bold; color: #fff } .d { color: #7d8590 } .g { color: #3fb950 } .y { color: #e3b341 } .a { color: #39c5cf }
</style><pre><b class=d>$ </b>wisp top
HTML
    cat "$work/lines"
    echo '</pre>'
} >"$work/top.html"
chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1.5 \
    --window-size=1140,$(($(wc -l <"$work/lines") * 19 + 52)) --screenshot=docs/top.png "file://$work/top.html" 2>/dev/null
