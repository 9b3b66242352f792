# The scenarios on a Bochs that forgives nothing (tests/strict), built in build/strict.

.PHONY: test-strict
test-strict: all | $(DEPS) ## scenarios on a Bochs that drops nothing by itself (ONLY=x; MUTANTS=1)
	$(Q)BOCHS=$$($(PYTHON) tests/strict/build.py) || exit 1; export BOCHS EMU=bochs; \
	if [ -n '$(MUTANTS)' ]; then $(PYTHON) tests/strict/mutants.py $(ONLY); else \
	$(PYTHON) -m pytest -q tests/vm/test_scenarios.py $(if $(ONLY),-k '$(ONLY)'); fi
