# A thin face over Meson and tools/: what to type, nothing about how things are built.
#
#   BUILD=DIR      where to build (default: build)
#   PORT=N         `make run`: first port of the gateway (default: 2525, or what is free)
#   FUZZ_TIME=S    `make fuzz`: seconds for each fuzzer (default: 60; 0 until interrupted)
#   ARGS=...       `make bench`: options of bench/run.py
#   PREFIX=DIR, DESTDIR=DIR   `make install`

BUILD ?= build
export BUILD

build:
	@tools/build.sh $(BUILD) $(if $(PREFIX),--prefix=$(abspath $(PREFIX)))

deps:
	@tools/deps.sh build run test

run:
	@tools/deps.sh build run
	@$(MAKE) --no-print-directory build
	@tools/run.sh

check:
	@tools/deps.sh build run test
	@tools/check.sh

bench:
	@tools/deps.sh build bench
	@$(MAKE) --no-print-directory build
	@/usr/bin/python3 bench/run.py $(ARGS)

fuzz:
	@tools/deps.sh build test
	@tools/fuzz.sh $(or $(FUZZ_TIME),60)

lint: build
	@tools/lint.sh

install: build
	$(if $(PREFIX),@meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)))
	@meson install -C $(BUILD) $(if $(PREFIX),,--no-rebuild)

# The mail servers that the tests have downloaded stay; `make distclean` takes them as well.
clean:
	@rm -rf --one-file-system build-*
	@if [ -d build ]; then \
		find build -mindepth 1 -maxdepth 1 ! -name peers -exec rm -rf --one-file-system {} +; fi

distclean: clean
	@rm -rf --one-file-system build

help:
	@echo 'make             build build/ehlogate'
	@echo 'make deps        install the Debian packages that building, running and testing need'
	@echo 'make run         gateway before a mail server that takes everything, all profiles [PORT=]'
	@echo 'make check       lint, unit, golden, fuzz, sanitizer and end-to-end tests'
	@echo 'make bench       CPU and memory beside HAProxy, nginx and a bare relay'
	@echo 'make fuzz        fuzz each parser and the engine [FUZZ_TIME=seconds each]'
	@echo 'make lint        clang-format and clang-tidy'
	@echo 'make install     [PREFIX=] [DESTDIR=]'
	@echo 'make clean       remove what was built; `make distclean`: downloads as well'

.PHONY: build deps run check bench fuzz lint install clean distclean help
.DEFAULT_GOAL := build
