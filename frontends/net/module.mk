# frontends/net: FRONT_SOURCES += the files of the network frontend
