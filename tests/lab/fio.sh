# fio.sh, sourced after lab.sh.
#
#   lab_fio ROOT   fio without the libraries of its network engines
#
# Those are 80 MB, which a machine under emulation unpacks, copies and links for
# a minute.  In their place are others of their names, whose functions nobody
# calls.
lab_fio() { # ROOT
    local fio lib at dir=$lab_dir/fio
    fio=$(command -v fio) || lab_die "program fio is missing"
    mkdir -p "$dir"
    nm -D --undefined-only "$fio" | sed 's/.* //; s/@/ /' | sort >"$dir/want"
    for lib in $(readelf -d "$fio" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p'); do
        case $lib in libc.* | libm.* | libaio.* | libz.*) continue ;; esac
        at=$(ldd "$fio" | awk -v l="$lib" '$1 == l { print $3 }')
        lab_empty "$lib" "$at"
        lab_put "$1" "$dir/$lib" "$at"
    done
    lab_put "$1" "$fio" usr/bin/fio
    for at in $(LD_LIBRARY_PATH=$dir ldd "$fio" | grep -o ' /[^ ]*'); do
        case $at in "$dir"/*) continue ;; esac
        [ -e "$1$at" ] || lab_put "$1" "$at" "$at"
    done
}

# A library LIB with those symbols of FILE that fio wants, in their versions.
lab_empty() { # LIB FILE
    local dir=$lab_dir/fio map=
    nm -D --defined-only "$2" | sed 's/.* //; s/@.*//' | sort -u |
        join - "$dir/want" >"$dir/has"
    awk '{ print "void " $1 "(void) { __builtin_trap(); }" }' "$dir/has" \
        >"$dir/empty.c"
    awk 'NF > 1 { of[$2] = of[$2] $1 "; " }
         END { for (v in of) print v " { global: " of[v] "};" }' "$dir/has" \
        >"$dir/empty.map"
    [ ! -s "$dir/empty.map" ] || map=-Wl,--version-script=$dir/empty.map
    cc -shared -nostdlib -fno-builtin -Wl,-soname,"$1" $map -o "$dir/$1" \
        "$dir/empty.c" || lab_die "cannot make an empty $1"
}
