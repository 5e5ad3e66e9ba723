/* `podium data backbone`. */
#ifndef CLI_DATA_BACKBONE_H
#define CLI_DATA_BACKBONE_H

/* argv[0] is "backbone".  An exit status, or a negative one with the message set. */
int data_backbone(int argc, char **argv);

#endif
