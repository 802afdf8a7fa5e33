# build/bench.json -> tab-separated rows for people.
def figure: if . == null then "-"
    elif . >= 100 then (. | round | tostring)
    elif . >= 10 then (. * 10 | round / 10 | tostring)
    else (. * 1000 | round / 1000 | tostring) end;
(["name", "weir", "peer", "unit", "better", "ratio", "budget", "met",
  "against"] | @tsv),
(.[] | [.name, (.weir | figure), (.peer | figure), .unit,
        (if .higher_is_better then "higher" else "lower" end),
        (.ratio | figure), (.budget // "-"),
        (if .met == null then "-" elif .met then "yes" else "NO" end),
        (.peer_name // "-")] | @tsv)
