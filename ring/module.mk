# ring: what this folder builds; the macros are in ../Makefile
$(call freelib,weir-ring,ring/ring.c ring/grant.c ring/grant_wait.c)
