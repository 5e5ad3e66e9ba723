/* CIFAR records: one and two label bytes, appended files, broken ones. */
#include "data/cifar.h"

#include <string.h>
#include "tests/tap.h"

int main(void)
{
    static uint8_t bytes[3 * (CIFAR_PIXELS + 2)];
    const size_t ten = CIFAR_PIXELS + 1, hundred = CIFAR_PIXELS + 2;
    cifar_images c = {0};
    bytes[0] = 9;
    bytes[1] = 17;
    bytes[ten] = 3;
    bytes[2 * ten - 1] = 200;
    ok(cifar_parse(&c, 10, bytes, 2 * ten, "two") == 0 && c.count == 2, "two records");
    ok(cifar_parse(&c, 10, bytes, ten, "one") == 0 && c.count == 3, "and one of another file");
    ok(c.labels[0] == 9 && c.labels[1] == 3 && c.labels[2] == 9, "labels in order");
    ok(c.pixels[0] == 17 && c.pixels[2 * CIFAR_PIXELS - 1] == 200, "first and last pixel");
    ok(cifar_parse(&c, 10, bytes, ten - 1, "cut") == PODIUM_EINVAL && strstr(podium_error(), "cut"),
       "a cut record is refused: %s", podium_error());
    bytes[ten] = 10;
    ok(cifar_parse(&c, 10, bytes, 2 * ten, "bad") == PODIUM_EINVAL &&
           strstr(podium_error(), "label 10 of record 1"),
       "a label out of range is refused: %s", podium_error());
    ok(c.count == 3, "what was read before is kept");
    cifar_release(&c);
    bytes[1] = 99;
    bytes[2] = 5;
    ok(cifar_parse(&c, 100, bytes, hundred, "fine") == 0 && c.labels[0] == 99 && c.pixels[0] == 5,
       "the fine label of CIFAR-100 is the second byte");
    cifar_release(&c);
    return tap_done();
}
