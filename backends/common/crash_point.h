/* SPDX-License-Identifier: MIT */
#ifndef WEIR_BACKENDS_COMMON_CRASH_POINT_H
#define WEIR_BACKENDS_COMMON_CRASH_POINT_H

#include "ring/crash_point.h"

#endif
