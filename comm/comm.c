/* Opens the ranks' transport: MPI when a launcher started this process, else one rank. */
#include "comm/comm_internal.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/plugin.h"

#define BUCKET_BYTES ((size_t)4 << 20)

static int32_t fail(int32_t code, const char *text)
{
    return podium_fail(code, "%s", text);
}

/* Set by Open MPI's mpirun, by PMIx (srun --mpi=pmix, prterun) and by MPICH's launchers. */
static bool was_launched(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (getenv(names[i]))
            return true;
    return false;
}

/* Opens libpodium_mpi.so; its symbols are global, because Open MPI's own plugins look for them. */
static int32_t find_symbol(const char *symbol, void *out)
{
    char path[4096];
    if (plugin_find("mpi", path, sizeof path))
        return podium_fail_in(PODIUM_ENOTSUP, "MPI is not in this build");
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* stays open: MPI lives in it */
    if (!library)
        return podium_fail(PODIUM_ENOTSUP, "MPI cannot be loaded: %s", dlerror());
    void *found = dlsym(library, symbol);
    if (!found)
        return podium_fail(PODIUM_ENOTSUP, "'%s' lacks the symbol '%s'", path, symbol);
    memcpy(out, &found, sizeof found);
    return 0;
}

int32_t comm_describe_mpi(char *out, size_t size)
{
    comm_mpi_version *version;
    TRY(find_symbol("podium_mpi_version", &version));
    return version(out, size) ? podium_fail(PODIUM_ENOTSUP, "MPI does not tell its version") : 0;
}

static int32_t open_mpi(comm_transport *out)
{
    static const comm_services services = {.struct_size = sizeof services, .fail = fail};
    comm_mpi_open *open_it;
    int32_t rc = find_symbol("podium_mpi_open", &open_it);
    if (rc)
        return podium_fail_in(rc, "this process was started as one rank of an MPI job");
    return open_it(&services, out);
}

static int32_t create(comm **out, int32_t (*open_transport)(comm_transport *))
{
    comm *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return podium_fail(PODIUM_ENOMEM, "no memory for the ranks");
    int32_t rc = open_transport(&c->transport);
    if (!rc) {
        c->bucket_bytes = BUCKET_BYTES;
        size_t n = (size_t)c->transport.size;
        c->places = calloc(2 * n, sizeof *c->places);
        c->lengths = calloc(2 * n, sizeof *c->lengths);
        c->ranges = calloc(n, sizeof *c->ranges);
        if (!c->places || !c->lengths || !c->ranges)
            rc = podium_fail(PODIUM_ENOMEM, "no memory for %d ranks", c->transport.size);
    }
    if (rc) {
        comm_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

int32_t comm_open_local(comm **out)
{
    return create(out, comm_local_transport);
}

int32_t comm_open(comm **out)
{
    return was_launched() ? create(out, open_mpi) : comm_open_local(out);
}

void comm_close(comm *c)
{
    if (!c)
        return;
    if (c->transport.close)
        c->transport.close(c->transport.state);
    free(c->places);
    free(c->lengths);
    free(c->ranges);
    free(c->bucket);
    free(c);
}

int32_t comm_rank(const comm *c)
{
    return c->transport.rank;
}

int32_t comm_size(const comm *c)
{
    return c->transport.size;
}

int32_t comm_local_size(const comm *c)
{
    return c->transport.local_size;
}

const char *comm_description(const comm *c)
{
    return c->transport.description;
}

void comm_set_bucket(comm *c, size_t bytes)
{
    c->bucket_bytes = bytes;
}
