# frontends/blk: FRONT_SOURCES += the files of the block frontend
FRONT_SOURCES += $(addprefix frontends/blk/,blkfront.c blkfront_mem.c \
	blkfront_build.c blkfront_queue.c blkfront_conn.c blkfront_wait.c)
INSTALL_HEADERS += frontends/blk/blkfront.h
MAN_PAGES += frontends/blk/weir_blkfront.3
