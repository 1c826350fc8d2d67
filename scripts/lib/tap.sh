# tap.sh - what tap-up and tap-down share. Source it after common.sh.

# How to undo each tap that is up, one command a line, in order of doing (undone in reverse).
state_dir=/run/posthaste-tap

check_name()
{
	[[ $1 =~ ^[A-Za-z][A-Za-z0-9_-]{0,14}$ ]] ||
		usage_error "a name has 1 to 15 letters, digits, '-' or '_' and begins with a letter, not \"$1\""
}

# check_net ADDR/PREFIX FAMILY: a host's address inside a network that has room for more hosts.
check_net()
{
	local why

	why=$(/usr/bin/python3 - "$1" "$2" <<-'EOF'
		import ipaddress, sys
		text, family = sys.argv[1], int(sys.argv[2])
		try:
		    i = ipaddress.ip_interface(text)
		except ValueError as e:
		    sys.exit(print(e) or 0)
		if "/" not in text or i.version != family:
		    print(f"{text} is not an IPv{family} address with a prefix length")
		elif i.network.num_addresses < 4:
		    print(f"{text} has no room for the engine's addresses")
		elif i.ip == i.network.network_address or (family == 4 and i.ip == i.network.broadcast_address):
		    print(f"{text} is not a host address: take the first of {i.network}, say {i.network[1]}/{i.network.prefixlen}")
		elif i.is_loopback or i.is_multicast or i.is_link_local or i.is_unspecified:
		    print(f"{text} is loopback, link-local or multicast: take a private network")
	EOF
	) || why="$1 cannot be read"
	[ -z "$why" ] || usage_error "$why"
}

# Refuses a network that the host already reaches otherwise.
check_overlap()
{
	local n

	for n in $net $net6; do
		/usr/bin/python3 - "$n" <<-'EOF' || exit 1
			import ipaddress, subprocess, sys
			want = ipaddress.ip_interface(sys.argv[1]).network
			flag = f"-{want.version}"
			out = subprocess.run(["ip", flag, "-o", "address"], capture_output=True, text=True, check=True)
			for line in out.stdout.splitlines():
			    words = line.split()
			    have = ipaddress.ip_interface(words[3].split()[0]).network
			    if have.overlaps(want):
			        sys.exit(f"tap-up: {want} overlaps {have} of {words[1]}; choose another network")
		EOF
	done
}

# set_sysctl PATH VALUE: adds the change. The value from before the first tap is kept in a file named
# by the path; when the last tap goes, all of these are restored, whichever tap made the change.
set_sysctl()
{
	local before=$state_dir/before-${1//\//-}

	todo+=("[ -e $before ] || cat /proc/sys/$1 >$before" "echo $2 >/proc/sys/$1")
}

# Fills the arrays todo and undo from the options of tap-up.
do_and_undo_list()
{
	local table=posthaste_${name//-/_} conf=/proc/sys/net/ipv6/conf/$name

	todo=("ip tuntap add dev $name mode tap multi_queue${owner:+ user $owner}")
	undo=("ip link delete $name")
	# The addresses must survive that the engine takes the link down or is killed.
	todo+=("[ ! -e $conf ] || echo 1 >$conf/keep_addr_on_down")
	todo+=("[ ! -e $conf ] || echo 0 >$conf/accept_dad")
	todo+=("ip address add $net dev $name")
	[ -z "$net6" ] || todo+=("ip address add $net6 dev $name nodad")
	todo+=("ip link set $name up")
	[ $forward = 1 ] || return 0
	set_sysctl net/ipv4/ip_forward 1
	[ -z "$net6" ] || set_sysctl net/ipv6/conf/all/forwarding 1
	todo+=("printf '%s' '$(nft_rules "$table")' | nft -f -")
	undo+=("nft delete table inet $table")
}

nft_rules()
{
	cat <<-EOF
		table inet $1 {
			chain forward {
				type filter hook forward priority -10; policy accept;
				iifname "$name" accept
				oifname "$name" ct state established,related accept
				oifname "$name" drop
			}
			chain postrouting {
				type nat hook postrouting priority 100;
				iifname "$name" oifname != "$name" masquerade
			}
		}
	EOF
}

restore_sysctls()
{
	local before path

	for before in "$state_dir"/before-*; do
		[ -e "$before" ] || continue
		path=${before##*/before-}
		cat "$before" >"/proc/sys/${path//-//}"
		rm -f "$before"
	done
}

# undo_all FILE: undoes in reverse order; what is gone already is no error. Removes the file.
undo_all()
{
	local line

	tac "$1" | while read -r line; do
		eval "$line" 2>/dev/null || true
	done
	rm -f "$1"
	if ! compgen -G "$state_dir/*.undo" >/dev/null; then
		restore_sysctls
		rmdir "$state_dir" 2>/dev/null || true
	fi
}
