# ring: what this folder builds; the macros are in ../Makefile
$(call freelib,weir-ring,ring/ring.c ring/grant.c ring/grant_wait.c)
$(call lib,weir-fakeport,tests/unit/fake_port.c tests/unit/fake_grant.c tests/unit/fake_event.c)
