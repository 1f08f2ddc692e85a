/* @dynamic: libraries loaded by name at run time; errors of the loader. */
#include "kit.h"
#include <dlfcn.h>
int main(void)
{
    void *m = dlopen("libm.so.6", RTLD_NOW);
    IS(m != NULL);
    double (*f)(double) = m ? (double (*)(double))dlsym(m, "cos") : NULL;
    IS(f && f(0.0) == 1.0);
    IS(dlsym(m, "no_such_function") == NULL);
    IS(dlopen("libmissing.so.1", RTLD_NOW) == NULL);
    printf("%s\n", dlerror() ? "told" : "not told");
    SHOW(dlclose(m));
    return 0;
}
