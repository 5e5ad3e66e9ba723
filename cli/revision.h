/* Which revision of the source this program was built from. */
#ifndef CLI_REVISION_H
#define CLI_REVISION_H

extern const char podium_revision[]; /* `git describe` at build time, or "unknown"; generated */

#endif
