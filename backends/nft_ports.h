/* Ports as nft can say them: a list of items, each one match of a rule or one element of a set. */
#ifndef NPC_BACKENDS_NFT_PORTS_H
#define NPC_BACKENDS_NFT_PORTS_H

#include "ir/bind.h"

enum nft_item_kind {
    NFT_ALL,   /* all traffic of the family; stands alone */
    NFT_PORT,  /* one port of TCP, UDP or SCTP */
    NFT_PROTO, /* all of a protocol */
    NFT_RANGE, /* several ports */
    NFT_ICMP,  /* types, or codes of one type */
    NFT_OTHER  /* what is neither TCP, UDP, SCTP nor the family's ICMP */
};

struct nft_item {
    enum nft_item_kind kind;
    enum proto proto;
    uint16_t first, last;     /* ports */
    uint8_t type[2], code[2]; /* NFT_ICMP: first and last */
};

struct nft_items { /* by kind, protocol, first */
    struct nft_item *v;
    size_t n;
};

struct nft_items nft_items_of(struct arena *a, enum family f, struct portset s);
int nft_item_cmp(struct nft_item x, struct nft_item y);

/* An item in the name of a set or chain: "tcp_80", "tcp_30000-32767". */
struct str nft_item_name(struct arena *a, struct nft_item item);

/* Appends the match of an item with a blank behind it: "tcp dport 80 "; nothing for NFT_ALL. Only
 * numbers and nft's own keywords: a name would be resolved when the rules are loaded. */
void nft_item_match(struct buf *b, enum family f, struct nft_item item);
/* The same of an NFT_PORT or NFT_RANGE in this header: "th", where the protocol is known. */
void nft_port_match(struct buf *b, const char *header, struct nft_item item);

#endif
