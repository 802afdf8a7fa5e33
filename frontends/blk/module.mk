# frontends/blk: FRONT_SOURCES += the files of the block frontend
