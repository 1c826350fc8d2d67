/* softnic.h - a network card in software, as struct port_io wants one, with a wire on its other
 * side.
 *
 * It does what cards do: bounded rings of descriptors, steering by a Toeplitz of its own over a key
 * and a table drawn from a seed, checksums, segmentation, and sent mbufs held until the ring needs
 * their place. And it can lie as cards were seen to lie. What a driver would refuse it refuses in
 * tx_prepare; what comes to tx_burst all the same stops the queue for good, as i40e does.
 *
 * Life    softnic_new() after EAL; the table's configure, queue set-ups, start; softnic_free() when
 *         nobody uses it any more.
 * Thread  one; a test turns all workers in it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "dataplane/port_io.h"
#include "tests/support/toeplitz.h"

enum { SOFTNIC_QUEUES_MAX = 16, SOFTNIC_RETA_MAX = 512 };

/* What it says and does not do. Bits, so that lies can be told together. */
enum softnic_lie {
	SOFTNIC_KEY_REVERSED = 1,    /* hashes with the bytes of its key in reverse order */
	SOFTNIC_HASH_INITIAL = 2,    /* starts from 0xffffffff */
	SOFTNIC_TABLE_CHANGES = 4,   /* another table after table_changes_after segments */
	SOFTNIC_TX_SUM_UNDONE = 8,   /* offers TCP checksums and sends what it was given */
	SOFTNIC_RX_SUM_UNDONE = 16,  /* calls every received checksum good */
	SOFTNIC_FIRST_ASTRAY = 32,   /* the first segment of a flow comes on some other queue */
	SOFTNIC_LINK_DOWN = 64,      /* no link until softnic_link_set() */
	SOFTNIC_MULTICAST_OFF = 128, /* frames for groups only when it was asked for them */
	SOFTNIC_KEY_WRONG = 256,     /* reports another key than the one it hashes with */
};

/* Who decides on which queue a segment arrives. */
enum softnic_steer {
	SOFTNIC_STEER_RSS,     /* key and table, both can be read */
	SOFTNIC_STEER_HIDDEN,  /* key and table that nobody can read (gve, virtio) */
	SOFTNIC_STEER_LEARNED, /* the queue that last sent to that flow; before that any (a tap) */
};

/* What it says of received TCP checksums where it was asked to verify them. */
enum softnic_rx_sum {
	SOFTNIC_SUM_VERIFIED, /* good or bad, as they are */
	SOFTNIC_SUM_UNKNOWN,  /* nothing */
	SOFTNIC_SUM_NONE,     /* only a pseudo-header's sum in the field, data intact (virtio) */
};

struct softnic_conf {
	uint64_t seed;
	const char *driver;  /* NULL: "net_softnic" */
	uint16_t queues_max; /* 0: SOFTNIC_QUEUES_MAX */
	uint16_t key_bytes;  /* 40 or 52; 0: drawn */
	uint16_t reta_size;  /* 64, 128 or 512; 0: drawn */
	uint32_t lies;       /* enum softnic_lie */
	uint32_t table_changes_after;
	enum softnic_steer steer;
	enum softnic_rx_sum rx_sum;
	uint64_t tx_offloads, rx_offloads; /* RTE_ETH_*_OFFLOAD_*; what it offers */
	uint16_t segs_max, mtu_segs_max;   /* mbufs in a packet to cut, in another; 0: 64 and 8 */
	uint16_t tso_mss_min;
	bool cuts_with_sum; /* IPv4 headers of what it cuts get a sum unasked, and come with one */
	uint16_t descs_max; /* of a ring; 0: 4096 */
	uint8_t mac[6];
	struct rte_mempool *wire_pool; /* frames on the wire; room for the largest linear frame */
};

/* What it did, for tests. */
struct softnic_stats {
	uint64_t rx[SOFTNIC_QUEUES_MAX]; /* frames put into each queue */
	uint64_t tx[SOFTNIC_QUEUES_MAX]; /* packets taken from each queue */
	uint64_t wire_out, wire_in;      /* frames that left; that came for it */
	uint64_t cut;                    /* packets segmented */
	uint64_t missed;                 /* came in and found no descriptor or buffer */
	uint64_t filtered;               /* for another station or group, or without link */
	uint64_t prepare_refused;        /* packets that tx_prepare found wrong */
	uint64_t stopped;                /* queues that an unfit packet stopped */
	const char *refused_why;         /* of the last one refused; NULL: none was */
};

struct softnic;

extern const struct port_io softnic_io; /* its `dev` is a struct softnic */

struct softnic *softnic_new(const struct softnic_conf *conf);

/* Gives up what it holds of others' mbufs and forgets everything. */
void softnic_free(struct softnic *nic);

/* The next frame that leaves on the wire, linear; NULL: none now. The caller owns it. The bytes are
 * read from the sender's mbufs only now, as a card's DMA would.
 */
struct rte_mbuf *softnic_wire_take(struct softnic *nic);

/* A frame arrives on the wire; linear. Takes it over. */
void softnic_wire_give(struct softnic *nic, struct rte_mbuf *frame);

void softnic_link_set(struct softnic *nic, bool up);

/* Another table, of which nobody is told. */
void softnic_table_redraw(struct softnic *nic);

/* Where a frame for these would arrive by key and table in force, lies included. The two addresses
 * and ports are the sender's and the receiver's, as in the frame.
 */
uint16_t softnic_queue_of(const struct softnic *nic, const uint8_t *tuple, uint32_t tuple_bytes);

/* Descriptors of a queue's ring that hold a sent mbuf or one to be sent. */
uint32_t softnic_tx_held(const struct softnic *nic, uint16_t queue);

/* Buffers of its ring that wait for frames, or hold some. */
uint32_t softnic_rx_posted(const struct softnic *nic, uint16_t queue);

/* Gives up the sent mbufs that it holds, as if the rings had turned. */
void softnic_let_go(struct softnic *nic);

const struct softnic_stats *softnic_stats(const struct softnic *nic);
