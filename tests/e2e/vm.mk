# Tests of VM domains (guests: tests/guests/tiny).
$(call vmtest,vm_life,tests/e2e/vm_life.c)
$(call vmtest,vm_stages,tests/e2e/vm_stages.c)
$(call vmtest,vm_grants,tests/e2e/vm_grants.c)
$(call vmtest,vm_grant_ends,tests/e2e/vm_grant_ends.c)
$(call vmtest,vm_events,tests/e2e/vm_events.c)
$(call vmtest,vm_waits,tests/e2e/vm_waits.c)
$(call vmtest,vm_memory,tests/e2e/vm_memory.c)
$(call vmtest,vm_smp,tests/e2e/vm_smp.c)
