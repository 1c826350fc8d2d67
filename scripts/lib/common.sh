# common.sh - what the scripts share: one-line errors, stages with seconds. Source it.
# Callers have set -eu and `here` (the folder scripts/).

repo=$(cd "$here/.." && pwd)
build=${POSTHASTE_BUILD:-$repo/build}

# One line on standard error, then exit 1 (usage: exit 2).
die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

usage_error()
{
	printf '%s: %s; see %s --help\n' "${0##*/}" "$*" "${0##*/}" >&2
	exit 2
}

# The usage text is the comment at the top of the script itself, from line 2 to the first line
# that is no comment.
print_help()
{
	sed -n '2,/^[^#]/{/^#/!q;s/^# \{0,1\}//;p}' "$0"
}

# Packages of the groups given, one a line.
packages()
{
	local g

	for g in "$@"; do
		sed -n "s/^$g  *\([^ ]*\).*/\1/p" "$here/packages.txt"
	done
}

# Groups whose name begins with PREFIX-, one a line.
packages_groups()
{
	sed -n "s/^\($1-[^ ]*\) .*/\1/p" "$here/packages.txt" | sort -u
}

now_ms()
{
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# run_logged LOG COMMAND...: quiet; on failure the tail of the log is shown and 1 returned.
run_logged()
{
	local log=$1

	shift
	mkdir -p "${log%/*}"
	printf '$ %s\n' "$*" >>"$log"
	if "$@" >>"$log" 2>&1 </dev/null; then
		return 0
	fi
	printf '\n%s: this failed: %s\nlast lines of %s:\n' "${0##*/}" "$*" "$log" >&2
	tail -n 25 "$log" | sed 's/^/    /' >&2
	return 1
}
