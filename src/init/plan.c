/* Decoder of the plan. It allocates nothing: tables are static and sized by the limits of plan.h. */
#include "plan.h"

#include <string.h>

#define REFUSE return __LINE__

static struct op operations[PLAN_MAX_OPERATIONS];
static char *words[PLAN_MAX_STRINGS + 2];
static struct limit limits[PLAN_MAX_LIMITS];

struct cursor {
    char *next;
    char *end;
};

static int take_word(struct cursor *c, uint32_t *value)
{
    if (c->end - c->next < 4)
        REFUSE;
    memcpy(value, c->next, 4);
    c->next += 4;
    return 0;
}

static int take_string(struct cursor *c, char **text, size_t *length)
{
    uint32_t size;
    if (take_word(c, &size))
        REFUSE;
    *text = NULL;
    *length = 0;
    if (size == UINT32_MAX)
        return 0;
    if (size > PLAN_MAX_SIZE)
        REFUSE;
    size_t padded = ((size_t)size + 1 + 3) & ~(size_t)3;
    if ((size_t)(c->end - c->next) < padded || c->next[size] != '\0')
        REFUSE;
    *text = c->next;
    *length = size;
    c->next += padded;
    return 0;
}

/* A string that must be there and must not hide anything behind a NUL. */
static int take_text(struct cursor *c, char **text)
{
    size_t length;
    if (take_string(c, text, &length) || *text == NULL || strlen(*text) != length)
        REFUSE;
    return 0;
}

/* A string that may be absent. */
static int take_optional(struct cursor *c, const char **text)
{
    char *taken;
    size_t length;
    if (take_string(c, &taken, &length) || (taken && strlen(taken) != length))
        REFUSE;
    *text = taken;
    return 0;
}

static int take_limit(struct cursor *c, struct limit *limit)
{
    uint32_t w[5];
    for (int i = 0; i < 5; i++)
        if (take_word(c, &w[i]))
            REFUSE;
    *limit = (struct limit){ w[0], (uint64_t)w[2] << 32 | w[1], (uint64_t)w[4] << 32 | w[3] };
    return 0;
}

static int take_list(struct cursor *c, uint32_t count, uint32_t *used, char ***list)
{
    if (count > PLAN_MAX_STRINGS || *used + count > PLAN_MAX_STRINGS)
        REFUSE;
    *list = words + *used;
    for (uint32_t i = 0; i < count; i++)
        if (take_text(c, &words[(*used)++]))
            REFUSE;
    words[(*used)++] = NULL;
    return 0;
}

/* "." and ".." in a target would be the business of whoever wrote the plan, and ".." could lead out of where it is made. */
static int has_dots(const char *path)
{
    while (*path) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if ((length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.'))
            return 1;
        path += length;
    }
    return 0;
}

/* Which operations need which strings. */
static int check_operation(const struct op *op)
{
    int source = 0, target = 0, data = 0;
    switch (op->kind) {
    case OP_SLAVE:
    case OP_READ_ONLY:
    case OP_ENTER:
    case OP_FUSE_TEST:
        break;
    case OP_IMAGE:
        source = target = data = 1;
        break;
    case OP_BASE:
    case OP_SCAFFOLD:
    case OP_TMPFS:
    case OP_PROC:
    case OP_MASK:
    case OP_SERVE:
        target = 1;
        break;
    case OP_LAYER:
    case OP_UNDERLAY:
    case OP_FUSE_OVERLAY:
        source = 1;
        break;
    case OP_OVERLAY:
    case OP_OVERLAY_TEST:
        data = 1;
        break;
    case OP_BIND:
    case OP_DEVICES:
    case OP_COPY:
        source = target = 1;
        break;
    case OP_WRITE:
    case OP_IDENTITY:
    case OP_EXPECT:
        target = data = 1;
        break;
    default:
        REFUSE;
    }
    if ((source && op->source == NULL) || (target && op->target == NULL) || (data && op->data == NULL))
        REFUSE;
    if ((op->source && op->source[0] != '/') || (op->target && (op->target[0] != '/' || has_dots(op->target))))
        REFUSE;
    return 0;
}

static int take_operation(struct cursor *c, struct op *op)
{
    char *text;
    size_t length;
    if (take_word(c, &op->kind) || take_word(c, &op->flags))
        REFUSE;
    if (take_string(c, &text, &length) || (text && strlen(text) != length))
        REFUSE;
    op->source = text;
    if (take_string(c, &text, &length) || (text && strlen(text) != length))
        REFUSE;
    op->target = text;
    if (take_string(c, &text, &op->data_length))
        REFUSE;
    op->data = text;
    op->fd = -1;
    return check_operation(op);
}

/* The strings that are not lists, in the order of plan.h. */
static int take_strings(struct cursor *c, struct plan *plan)
{
    const char **required[] = { &plan->uid_map, &plan->gid_map, &plan->directory };
    const char **optional[] = { &plan->cgroup, &plan->uid_mapper, &plan->gid_mapper, &plan->inner_uid_map, &plan->inner_gid_map };
    char *text;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        if (take_text(c, &text))
            REFUSE;
        *required[i] = text;
    }
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++)
        if (take_optional(c, optional[i]))
            REFUSE;
    if ((plan->uid_mapper == NULL) != (plan->gid_mapper == NULL) || (plan->inner_uid_map == NULL) != (plan->inner_gid_map == NULL))
        REFUSE;
    return 0;
}

int plan_decode(char *block, size_t size, struct plan *plan)
{
    struct cursor c = { block, block + size };
    uint32_t head[11], used = 0;
    memset(plan, 0, sizeof *plan);
    if (size > PLAN_MAX_SIZE)
        REFUSE;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        if (take_word(&c, &head[i]))
            REFUSE;
    if (head[0] != PLAN_MAGIC || head[1] != PLAN_VERSION || head[2] != size || (head[3] & ~(uint32_t)PLAN_FLAGS))
        REFUSE;
    if (head[5] > PLAN_MAX_OPERATIONS || ((head[3] & PLAN_PROBE) == 0 && head[6] == 0) || head[10] > PLAN_MAX_LIMITS)
        REFUSE;
    plan->flags = head[3];
    plan->parent = head[4];
    plan->op_count = head[5];
    plan->argc = head[6];
    plan->linger_ms = head[8];
    plan->open_files = head[9];
    plan->limit_count = head[10];
    plan->ops = operations;
    plan->limits = limits;
    if (take_strings(&c, plan))
        REFUSE;
    if (take_list(&c, head[6], &used, &plan->argv) || take_list(&c, head[7], &used, &plan->envp))
        REFUSE;
    for (uint32_t i = 0; i < plan->limit_count; i++)
        if (take_limit(&c, &limits[i]))
            REFUSE;
    for (uint32_t i = 0; i < plan->op_count; i++)
        if (take_operation(&c, &operations[i]))
            REFUSE;
    if (c.next != c.end)
        REFUSE;
    return 0;
}
