/* asks.h - questions of several clients to the workers, which answer one at a time each.
 *
 * Owner   the engine; a question is its asker's, from asks_put() to its done() or asks_drop().
 * Thread  control thread.
 */
#pragma once

#include "dataplane/dp.h"

struct asks;

enum ask_state { ASK_IDLE, ASK_QUEUED, ASK_OPEN };

struct ask {
	uint32_t worker, from;         /* as in dp_ask() */
	void (*done)(struct ask *ask); /* `answer` is there; may put it again */
	struct dp_answer answer;
	enum ask_state state;
	struct ask *prev, *next;
};

struct asks *asks_open(struct dp *dp);

/* Questions that are still there are forgotten. */
void asks_close(struct asks *asks);

/* Asks as soon as the worker has no other question; first come, first served. done() follows from
 * asks_poll(), never from here.
 */
void asks_put(struct asks *asks, struct ask *ask);

/* Takes a question back, whatever became of it: done() is not called any more. */
void asks_drop(struct asks *asks, struct ask *ask);

/* Takes answers and asks what waits. Call once a turn of the loop. */
void asks_poll(struct asks *asks);
