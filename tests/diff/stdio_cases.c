/* The C library's files: seeking, appending, reading back, temporary ones, popen. */
#include "kit.h"
int main(void)
{
    char b[100];
    FILE *f = fopen("f", "w+");
    for (int i = 0; i < 3000; i++)
        fprintf(f, "line %d\n", i);
    fseek(f, 0, SEEK_END);
    printf("%ld\n", ftell(f));
    rewind(f);
    int n = 0;
    while (fgets(b, sizeof b, f))
        n++;
    printf("%d lines\n", n);
    fclose(f);
    f = fopen("f", "a");
    fputs("end\n", f);
    fclose(f);
    f = fopen("f", "r+");
    fseek(f, -4, SEEK_END);
    printf("%s", fgets(b, sizeof b, f));
    IS(fgetc(f) == EOF && feof(f));
    fclose(f);
    f = tmpfile();
    fputs("temporary", f);
    rewind(f);
    printf("%s\n", fgets(b, sizeof b, f));
    fclose(f);
    fflush(stdout);
    f = popen("echo from a command; exit 5", "r");
    printf("%s", fgets(b, sizeof b, f));
    show_status("pclose", pclose(f));
    show_status("system", system("exit 6"));
    IS(fopen("missing/f", "w") == NULL && errno == ENOENT);
    return 0;
}
