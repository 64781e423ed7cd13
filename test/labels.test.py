#!/usr/bin/env python3
"""What the .td files promise has a test.

 * Every constraint (Cn) of an op or attribute: a case in test/Dialect/*/invalid.mlir whose name is
   <mnemonic>_c<n>.. and whose expected text has the label. Ops of one class share its constraints.
 * Every op and attribute: a use in test/Dialect/*/ops.mlir, and a place in the README of its dialect (or, in
   onnx, of its group there).
 * Every op, or the class that it is of: a description with an example.
 * Every pass: a file test/<Phase>/<flag without mixserve->*; every label of it: that text in test/<Phase>/.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
missing = []


def key(name):
    """Names are compared without case and underscores: RMSNormalization is rms_normalization."""
    return name.replace("_", "").lower()


def records(text):
    """(name, base class, string of its first argument, body) of the classes and defs of a td file."""
    starts = list(re.finditer(r"^(?:def|class) (\w+)", text, re.M))
    for start, end in zip(starts, starts[1:] + [None]):
        body = text[start.start():end.start() if end else len(text)]
        base = re.search(r":\s*(\w+)", body)
        argument = re.match(r'(?:def|class) \w+[^:]*:\s*\w+<"([\w.]+)"(?:,\s*"([\w.]+)")?', body)
        mnemonic = re.search(r'let mnemonic = "(\w+)"', body)
        name = mnemonic[1] if mnemonic else argument and (argument[2] if "_Attr<" in body.split("\n")[0] else argument[1])
        yield start[1], base and base[1], name, body, start[0].startswith("class")


def cases(text):
    """(names, expected texts) of the parts of an invalid.mlir."""
    for part in re.split(r"^// -----$", text, flags=re.M):
        yield part, " ".join(re.findall(r"\{\{(.*?)\}\}", part))


for dialect in sorted((root / "dialects").iterdir()):
    if not dialect.is_dir():
        continue
    all_records = [r for td in sorted(dialect.glob("*.td")) for r in records(td.read_text())]
    folder = next(f for f in (root / "test/Dialect").iterdir() if f.name.lower() == dialect.name)
    parts = [(re.findall(r"(?:@|\b)(\w+?)_c(\d+)(?=\b|_)", part), expected)
             for part, expected in cases((folder / "invalid.mlir").read_text())]
    tested = {(key(name), f"C{number}") for names, expected in parts for name, number in names
              if f"(C{number})" in expected}
    used = (folder / "ops.mlir").read_text()
    readme = (dialect / "README.md").read_text()
    bodies = {r[0]: r[3] for r in all_records}
    for td_name, base, name, body, is_class in all_records:
        if base == "Dialect":
            continue
        # A class stands for everything derived from it.
        names = [r[2] for r in all_records if r[1] == td_name and r[2]] if is_class else [name]
        for label in re.findall(r"- \((C\d+)\)", body):
            if not any(n and (key(n), label) in tested for n in names):
                missing.append(f"{folder.name}/invalid.mlir: no case {'|'.join(filter(None, names))}_{label.lower()}")
        is_op = not is_class and td_name.endswith("Op")
        is_attribute = not is_class and "AttrDef" in body.split("{")[0] or (base or "").endswith("_Attr")
        if is_class or not (is_op or is_attribute) or not name:
            continue
        spelling = f"{dialect.name}.{name}"
        if not re.search(rf"\b{re.escape(spelling)}\b", used):
            missing.append(f"{folder.name}/ops.mlir: {spelling} is not used")
        described = body + bodies.get(base, "")
        if is_op and ("let description" not in described or not re.search(r"\bExamples?:", described)):
            missing.append(f"{dialect.name}/*.td: {spelling} has no description with an example")
        if is_op and dialect.name != "onnx" and spelling not in readme:
            missing.append(f"{dialect.name}/README.md: {spelling} is not listed")

for td in sorted((root / "include/mixserve").glob("*/Passes.td")):
    phase = root / "test" / td.parent.name
    texts = {f.name: f.read_text() for f in phase.glob("*") if f.is_file()}
    for definition in re.split(r"^def ", td.read_text(), flags=re.M)[1:]:
        flag = re.search(r'Pass<"mixserve-([\w-]+)"', definition)[1]
        if not any(re.match(rf"{re.escape(flag)}(-[\w-]+)?\.(mlir|test)$", name) for name in texts):
            missing.append(f"{phase.name}: no test of pass {flag}")
        for label in re.findall(r"- (\([A-Z]\d+\))", definition):
            own = [text for name, text in texts.items() if name.startswith(flag)]
            if not any(label in text for text in own):
                missing.append(f"{phase.name}: label {label} of {flag} is in no test of it")

print("\n".join(missing))
sys.exit(1 if missing else 0)
