#!/usr/bin/env python3
"""docs/models.md: its second half is made from the table of model types.

    scripts/models_document.py BINARY docs/models.md [--check]

Everything after the marker is written anew from `kvcache models --json`; with --check it is only compared."""
import json
import subprocess
import sys

MARKER = "<!-- From here on made by scripts/models_document.py. -->\n"


def cell(text):
    return text.replace("|", "\\|").replace("*", "\\*")


def section(model):
    lines = [f"### {model['type']}", ""]
    also = f" Also {', '.join('`' + name + '`' for name in model['also'])}." if model["also"] else ""
    lines += [f"`{model['source']}`.{also} For example {cell(model['picture'])}.", ""]
    if model["text_config"]:
        lines += [f"Fields are {model['text_config']}.", ""]
    lines += ["| field | when it is absent |", "|---|---|"]
    lines += [f"| `{field['name']}` | {cell(field['when_absent'])} |" for field in model["fields"]]
    lines += ["", *(f"    {rule}" for rule in model["caches"]), ""]
    if model["swift"]:
        lines += [f"Otherwise in `{model['swift']['source']}`:", "", *(f"    {rule}" for rule in model["swift"]["caches"]), ""]
    traps = list(model["traps"])
    if model["unquantized"]:
        traps.append(f"cannot be quantized: {model['unquantized']}")
    if traps:
        lines += [*(f"* {cell(trap)}" for trap in traps), ""]
    return lines


def rendered(data):
    lines = ["", "## The types", ""]
    for model in data["models"]:
        lines += section(model)
    lines += ["## Not known, by name", "", f"No module of mlx-lm {data['mlx_lm']} is for these.", "", "| type | what is known |",
              "|---|---|"]
    lines += [f"| `{other['type']}` | {cell(other['known'])} |" for other in data["absent"]]
    return "\n".join(lines) + "\n"


def main():
    binary, path = sys.argv[1:3]
    data = json.loads(subprocess.run([binary, "models", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    head, marker, _ = text.partition(MARKER)
    if not marker:
        sys.exit(f"{path}: the line '{MARKER.strip()}' is missing")
    new = head + marker + rendered(data)
    if "--check" in sys.argv:
        if new != text:
            sys.exit(f"{path} is not what the table of model types says: run scripts/generate")
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write(new)


main()
