#!/bin/sh
# Scripts parse: Python by its compiler, shell by bash -n. Nothing is left behind.
cd "$(dirname "$0")/../.." || exit 2
bad=0
for f in $(git ls-files scripts tests .ci); do
	[ -f "$f" ] || continue
	case $(head -c 64 "$f" | head -n 1 | tr -d '\0') in
	*python*) kind=python ;;
	*bash* | *'bin/sh'*) kind=shell ;;
	*) case $f in
		*.py) kind=python ;;
		*.sh) kind=shell ;;
		*) continue ;;
		esac ;;
	esac
	if [ $kind = python ]; then
		/usr/bin/python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$f" || bad=1
	else
		bash -n "$f" || bad=1
	fi
done
exit $bad
