# tests/guests/fuzzguest: a guest kernel that forges everything

FUZZGUEST := tests/guests/fuzzguest
$(call tiny,fuzzguest,$(addprefix $(FUZZGUEST)/,fuzz.c make.c draw.c learn.c spare.c))
