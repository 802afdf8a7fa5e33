# backends/net: weir-netback
