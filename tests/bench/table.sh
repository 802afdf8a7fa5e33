#!/bin/bash
# table.sh LINES JSON: from what bench programs printed (collect.sh) the table,
# on stdout, and the file that programs read.
set -u
here=$(dirname "$0")
jq -s --rawfile budgets "$here/budgets" -f "$here/join.jq" "$1" >"$2.new" ||
    exit 1
mv "$2.new" "$2"
jq -r -f "$here/table.jq" "$2" | awk -F '\t' '
    { for (i = 1; i <= NF; i++) {
          cell[NR, i] = $i
          if (length($i) > width[i]) width[i] = length($i) } }
    END { for (r = 1; r <= NR; r++) {
              line = ""
              for (i = 1; i < NF; i++)
                  line = line sprintf("%-" width[i] "s  ", cell[r, i])
              print line cell[r, NF] } }'
