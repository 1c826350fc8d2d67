#!/bin/sh
# Scripts parse: Python by its compiler, shell by bash -n. Nothing is left behind.
cd "$(dirname "$0")/../.." || exit 2
scripts=$(git ls-files scripts tests .ci | grep -v '^tests/data/' | while read -r f; do [ -f "$f" ] && echo "$f"; done)
of_kind() # SUFFIX INTERPRETER: those that end so or whose first line names it
{
	{
		echo "$scripts" | grep "\.$1\$"
		awk -v first="^#!.*($2)" 'FNR == 1 { if ($0 ~ first) print FILENAME; nextfile }' $scripts
	} | sort -u
}
bad=0
/usr/bin/python3 - $(of_kind py python) <<'EOF' || bad=1
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)
EOF
for f in $(of_kind sh 'bin/(ba)?sh|env (ba)?sh'); do
	bash -n "$f" || bad=1
done
exit $bad
