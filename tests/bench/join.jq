# Bench lines (slurped) + $budgets (lines of tests/bench/budgets) -> the array
# of build/bench.json.
def scale: {
    "ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9,
    "B": 1, "bytes": 1, "KiB": 1024, "MiB": 1048576, "GiB": 1073741824
}[.];
def in_unit($value; $from; $to):
    if $from == $to then $value
    elif ($from | scale) and ($to | scale)
    then $value * ($from | scale) / ($to | scale)
    else error("budget in \($to), figure in \($from)") end;
def meets($value; $relation; $limit):
    if $value == null then null
    elif $relation == "<=" then $value <= $limit
    elif $relation == ">=" then $value >= $limit
    else error("unknown relation \($relation)") end;

($budgets | split("\n")
    | map(select(test("^[a-z]")) | [splits(" +")])
    | map({key: .[0], value: {measure: .[1], relation: .[2],
                              limit: (.[3] | tonumber), unit: .[4]}})
    | from_entries) as $table
| map(
    . as $b
    | (if .peer != null and .peer != 0 then .weir / .peer else null end)
        as $ratio
    | $table[.name] as $t
    | {name, unit, higher_is_better, weir, peer_name, peer, ratio: $ratio,
       budget: (if $t == null then null
                elif $t.measure == "ratio" then "ratio \($t.relation) \($t.limit)"
                else "\($t.relation) \($t.limit) \($t.unit)" end),
       met: (if $t == null then null
             elif $t.measure == "ratio"
             then meets($ratio; $t.relation; $t.limit)
             else meets(in_unit($b.weir; $b.unit; $t.unit);
                        $t.relation; $t.limit) end)})
