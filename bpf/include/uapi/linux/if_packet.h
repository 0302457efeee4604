#ifndef WW_UAPI_IF_PACKET_H
#define WW_UAPI_IF_PACKET_H
#endif
