/* Packs in `podium verify`: checksums compared, unpacked for as long as their records run. */
#include "cli/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scoring/pack.h"

struct verify_pack {
    char *path;
    char folder[4096], so[4200];
};

static int32_t unpack(verify_pack *v, const pack_reader *p, record_list *records)
{
    size_t before = records->length;
    v->path = strdup(p->path);
    if (!v->path)
        return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", p->path);
    TRY(pack_records(p, records));
    TRY(verify_folder(v->folder, sizeof v->folder));
    snprintf(v->so, sizeof v->so, "%s/submission.so", v->folder);
    TRY(pack_unpack(p, v->folder));
    printf("%s: the checksums of its %zu files hold, and submission.so (sha256 %.16s...) is what "
           "its %zu records name\n",
           p->path, p->files, p->so, records->length - before);
    return 0;
}

int32_t verify_pack_add(verify_packs *p, const char *path, record_list *records, bool *changed)
{
    pack_reader in;
    verify_pack *items = realloc(p->items, (p->length + 1) * sizeof *items);
    if (!items)
        return podium_fail(PODIUM_ENOMEM, "no memory to read '%s'", path);
    p->items = items;
    items[p->length] = (verify_pack){0};
    int32_t rc = pack_open(&in, path);
    *changed = in.changed;
    if (*changed)
        printf("%s\n", podium_error());
    else if (!rc)
        rc = unpack(&items[p->length++], &in, records);
    pack_close(&in);
    return *changed ? 0 : rc;
}

const char *verify_pack_so(const verify_packs *p, const record *r)
{
    for (size_t i = 0; r->pack && i < p->length; i++)
        if (!strcmp(p->items[i].path, r->pack))
            return p->items[i].so;
    return NULL;
}

void verify_packs_release(verify_packs *p)
{
    for (size_t i = 0; i < p->length; i++) {
        if (p->items[i].folder[0])
            verify_folder_remove(p->items[i].folder);
        free(p->items[i].path);
    }
    free(p->items);
    *p = (verify_packs){0};
}
