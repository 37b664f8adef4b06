#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H
#include <curl/curl.h>

// Swift cannot call variadic functions, so each argument type that we use has one wrapper of the same meaning.
// The second reason: libcurl reads the argument with va_arg by the option's type, so a wrong C type is undefined behaviour;
// here the compiler checks it.

// For options that take a `long` (switches, milliseconds, enumerations).
static inline CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// For options that take a `curl_off_t` (sizes), which is wider than `long` on some platforms.
static inline CURLcode ccurl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

// For options that take a C string, which libcurl copies.
static inline CURLcode ccurl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

// For options that take an untyped pointer: the data handed to callbacks, the error buffer, the private pointer.
static inline CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

// For the list of request header lines, which libcurl does not copy.
static inline CURLcode ccurl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

// For the parsed URL, which libcurl does not copy.
static inline CURLcode ccurl_set_url(CURL *handle, CURLU *value) {
    return curl_easy_setopt(handle, CURLOPT_CURLU, value);
}

// For the two callbacks that are handed bytes: of the body and of the head.
static inline CURLcode ccurl_set_write_function(CURL *handle, CURLoption option, curl_write_callback function) {
    return curl_easy_setopt(handle, option, function);
}

// For the callback that is asked for bytes to send.
static inline CURLcode ccurl_set_read_function(CURL *handle, curl_read_callback function) {
    return curl_easy_setopt(handle, CURLOPT_READFUNCTION, function);
}

// For the callback that is asked to go back in the bytes to send.
static inline CURLcode ccurl_set_seek_function(CURL *handle, curl_seek_callback function) {
    return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, function);
}

// For the callback that opens the socket to a resolved address.
static inline CURLcode ccurl_set_open_socket_function(CURL *handle, curl_opensocket_callback function) {
    return curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, function);
}

// For the callback that is asked once a connection, new or kept, is about to carry the request.
static inline CURLcode ccurl_set_prerequest_function(CURL *handle, curl_prereq_callback function) {
    return curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, function);
}

// For what a handle tells as a pointer: the private pointer.
static inline CURLcode ccurl_get_pointer(CURL *handle, CURLINFO info, void **value) {
    return curl_easy_getinfo(handle, info, value);
}

// For what a handle tells as a `curl_off_t`: sizes.
static inline CURLcode ccurl_get_offset(CURL *handle, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(handle, info, value);
}

// For the callback that closes a socket; it outlives the handle, with the connection.
static inline CURLcode ccurl_set_close_socket_function(CURL *handle, curl_closesocket_callback function) {
    return curl_easy_setopt(handle, CURLOPT_CLOSESOCKETFUNCTION, function);
}

// The version of the library that runs, three bytes of major, minor and patch.
static inline unsigned int ccurl_version_number(void) { return curl_version_info(CURLVERSION_NOW)->version_num; }

// For options of the multi handle that take a `long`.
static inline CURLMcode ccurl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
#endif
