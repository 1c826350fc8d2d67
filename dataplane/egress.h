/* egress.h - the egress guard: may a connection to this address and port be opened at all?
 *
 * No host firewall sees a stack that bypasses the kernel, so the worker asks here before each SYN.
 *
 * Life    egress_init(), then read only; borrows its arrays.
 * Thread  any may ask.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/addr.h"

struct egress {
	bool live;                    /* false: sandbox */
	const struct ip_prefix *nets; /* the port's own addresses with their networks */
	uint32_t n_nets;
	const struct ip_prefix *allow; /* destinations allowed by name */
	uint32_t n_allow;
	const struct ip_addr *own; /* every address of ours, all ports */
	uint32_t n_own;
};

/* NULL when a connection to `to`, port `port` (host order), may be opened; else why not, in static
 * storage. Pure.
 *
 * In both modes only ports 25, 24, 465 and 587 pass, and our own addresses, which a list entry
 * cannot allow, never do. Sandbox: the port's connected networks and `allow`. Live: whatever no
 * special-purpose registry reserves, and `allow`. An IPv6 form that carries an IPv4 address
 * (mapped, compatible, 6to4, NAT64, Teredo) must pass for the inner address as well.
 */
const char *egress_refuses(const struct egress *e, const struct ip_addr *to, uint16_t port);
