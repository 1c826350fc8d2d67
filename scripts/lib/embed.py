"""embed.py OUT.c NAME FILE...: one or more files as arrays of bytes, for the program to hold within itself.

NAME_files, NAME_sizes and NAME_n list them.
"""

import sys


def array(name, data):
    rows = [", ".join(str(b) for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    return f"static const unsigned char {name}[] = {{\n" + ",\n".join(rows) + ", 0\n};\n"


def main():
    out, name, files = sys.argv[1], sys.argv[2], sys.argv[3:]
    text = "#include <stddef.h>\n"
    sizes = []
    for number, path in enumerate(files):
        with open(path, "rb") as f:
            data = f.read()
        sizes.append(len(data))
        text += array(f"{name}_{number}", data)
    text += f"const unsigned char *const {name}_files[] = {{ " + ", ".join(
        f"{name}_{n}" for n in range(len(files))) + " };\n"
    text += f"const size_t {name}_sizes[] = {{ " + ", ".join(map(str, sizes)) + " };\n"
    text += f"const unsigned {name}_n = {len(files)};\n"
    with open(out, "w", encoding="utf-8") as f:
        f.write(text)


if __name__ == "__main__":
    main()
