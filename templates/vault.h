/* vault.h - memory for private keys: locked, left out of core dumps, cleared when freed.
 *
 * OpenSSL's own secure heap holds a key's numbers, but not what it works out from them (it keeps
 * primes in Montgomery form in ordinary memory). So everything that OpenSSL allocates between
 * vault_enter() and vault_leave() comes from here, whatever it is.
 */
#pragma once

#include <stdbool.h>

/* Puts itself below OpenSSL; before anything of the process used it. Returns false when it was too
 * late. Later calls say what the first did.
 */
bool vault_install(void);

/* Makes the memory, once. Returns false when the system gives none that dumps leave out. */
bool vault_open(void);

/* Whether the system locked it (RLIMIT_MEMLOCK), so that it is never swapped out. */
bool vault_is_locked(void);

/* Whether something was ever refused for want of room: what OpenSSL says then is not to be trusted.
 */
bool vault_was_full(void);

/* From here on this thread's OpenSSL allocates from the vault. They nest. */
void vault_enter(void);
void vault_leave(void);
