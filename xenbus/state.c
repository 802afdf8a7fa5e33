/* SPDX-License-Identifier: MIT
 *
 * Rows: own state; columns: the peer's, 0 to 8.  The order in which Closing
 * and Closed go back and forth:
 *
 *   frontend leaves: F Closing -> B Closing -> F Closed -> B Closed
 *   backend leaves:  B Closing -> F Closed -> B Closed
 *   frontend comes again: F Initialising -> B InitWait (from Closed, or from
 *                         Connected when the old frontend died in place)
 */
#include "xenbus/state.h"

#define STATES 9

enum {
    ___ = WEIR_XB_NONE,
    INI = WEIR_XB_INIT,
    PUB = WEIR_XB_PUBLISH,
    CON = WEIR_XB_CONNECT,
    CLG = WEIR_XB_CLOSE,
    CLD = WEIR_XB_CLOSED,
    REI = WEIR_XB_REINIT,
    RSZ = WEIR_XB_RESIZE,
    REM = WEIR_XB_REMOVE,
};

/* A backend that is Connected before the frontend has published belongs to
 * the frontend's former life: wait until it has started over. */
static const uint8_t front[STATES][STATES] = {
    /*            gone Ini IWt Isd Con Clg Cld Rcg Rcd */
    /* unknown */ {___, ___, ___, ___, ___, ___, ___, ___, ___},
    /* Inising */ {REM, ___, PUB, ___, ___, CLD, ___, ___, ___},
    /* InitWai */ {REM, ___, ___, ___, ___, CLD, CLD, ___, ___},
    /* Inised  */ {REM, ___, ___, ___, CON, CLD, CLD, ___, ___},
    /* Connect */ {REM, ___, ___, ___, RSZ, CLD, CLD, ___, ___},
    /* Closing */ {REM, ___, ___, ___, ___, CLD, CLD, ___, ___},
    /* Closed  */ {REM, ___, ___, ___, ___, ___, ___, ___, ___},
    /* Rcfging */ {REM, ___, ___, ___, ___, CLD, CLD, ___, ___},
    /* Rcfgd   */ {REM, ___, ___, ___, ___, CLD, CLD, ___, ___},
};

/* A frontend is ready when Initialised or Connected: some publish their rings
 * and go straight to Connected. */
static const uint8_t back[STATES][STATES] = {
    /*            gone Ini IWt Isd Con Clg Cld Rcg Rcd */
    /* unknown */ {___, ___, ___, ___, ___, ___, ___, ___, ___},
    /* Inising */ {REM, INI, INI, INI, INI, CLG, CLD, ___, ___},
    /* InitWai */ {REM, ___, ___, CON, CON, CLG, CLD, ___, ___},
    /* Inised  */ {REM, REI, ___, CON, CON, CLG, CLD, ___, ___},
    /* Connect */ {REM, REI, ___, ___, ___, CLG, CLD, ___, ___},
    /* Closing */ {REM, ___, ___, ___, ___, ___, CLD, ___, ___},
    /* Closed  */ {REM, REI, ___, ___, ___, ___, ___, ___, ___},
    /* Rcfging */ {REM, REI, ___, ___, ___, CLG, CLD, ___, ___},
    /* Rcfgd   */ {REM, REI, ___, ___, ___, CLG, CLD, ___, ___},
};

static unsigned in_range(enum weir_xenbus_state s)
{
    return (unsigned)s < STATES ? (unsigned)s : WEIR_XENBUS_UNKNOWN;
}

enum weir_xenbus_action weir_xenbus_front_next(enum weir_xenbus_state own,
                                               enum weir_xenbus_state peer)
{
    return (enum weir_xenbus_action)front[in_range(own)][in_range(peer)];
}

enum weir_xenbus_action weir_xenbus_back_next(enum weir_xenbus_state own,
                                              enum weir_xenbus_state peer)
{
    return (enum weir_xenbus_action)back[in_range(own)][in_range(peer)];
}

const char *weir_xenbus_state_name(enum weir_xenbus_state s)
{
    static const char *const names[STATES] = {
        "Unknown", "Initialising", "InitWait",      "Initialised",  "Connected",
        "Closing", "Closed",       "Reconfiguring", "Reconfigured",
    };

    return names[in_range(s)];
}
