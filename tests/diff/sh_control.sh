# if, case, for, while, until, break, continue, and, or, not.
if true; then echo t; else echo f; fi
if false; then echo t; elif true; then echo e; fi
for i in 1 2 3 4; do
    [ $i = 2 ] && continue
    [ $i = 4 ] && break
    echo $i
done
i=0
while [ $i -lt 3 ]; do i=$((i + 1)); done
echo $i
until [ $i -eq 0 ]; do i=$((i - 1)); done
echo $i
for a in 1 2; do for b in 1 2; do [ $b = 2 ] && continue 2; echo $a$b; done; done
case abc in a*) echo star ;; *) echo other ;; esac
case x in a | x) echo alt ;; esac
case '' in '') echo empty ;; esac
true && echo and || echo or
false && echo and || echo or
! false && echo not
{ echo group; }
(echo subshell)
