# driverdomains: what this folder builds; the macros are in ../Makefile
