/* The unit that loads the confirmed rules at boot. */
#include "apply/work.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `systemctl enable` does, and all that it does for this unit. The link is made by hand: by
 * now npc has given up the privileges that systemd would ask for. */
static void link_unit(struct apply *a)
{
    static const char unit[] = NPC_UNIT;
    static const char wants[] = "sysinit.target.wants";
    const char *dir = str_printf(&a->arena, "%s/%s", a->unit_dir, wants).p;
    const char *link = str_printf(&a->arena, "%s/npc.service", dir).p;
    if ((mkdir(a->unit_dir, 0755) != 0 && errno != EEXIST) ||
        (mkdir(dir, 0755) != 0 && errno != EEXIST) ||
        (symlink(unit, link) != 0 && errno != EEXIST)) {
        tell(a, NPC_WARNING, 1, "systemctl enable npc makes a boot load the rules",
             "cannot link '%s': %s", link, strerror(errno));
    } else if (access(unit, F_OK) != 0) {
        tell(a, NPC_WARNING, 1, "cmake --install, or the package, brings it",
             "a boot loads no rules yet: there is no '%s'", unit);
    }
}

void unit_enable(struct apply *a)
{
    if (strcmp(a->state_dir, DEFAULT_STATE) != 0) {
        tell(a, NPC_WARNING, 1, "a unit of your own can: npc boot --state-dir",
             "npc.service loads what is in " DEFAULT_STATE ": a boot does not load these rules");
        if (!a->names_units) {
            return;
        }
    }
    if (a->names_units || access("/run/systemd/system", F_OK) == 0) {
        link_unit(a);
    }
}
