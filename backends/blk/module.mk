# backends/blk: weir-blkback
