/* Lists of layers, as the config writes them, before any network is built.
 *
 *   - linear: {units: 128, bias: false}
 *   - relu: {}                             `- relu` is the same
 *
 * Which layers exist is told by the caller (src/model owns the table); what a layer's own options
 * are, is a table of option rows in the layer's schema.
 */
#ifndef GAN_CONFIG_LAYERS_H
#define GAN_CONFIG_LAYERS_H

#include "config/option.h"

/* One kind of layer, as far as the config is concerned. */
typedef struct gan_layer_schema {
  const char *name; /* "linear" */
  const char *help;
  gan_options options; /* rows over the layer's parameter struct */
  size_t parameters_size;
} gan_layer_schema;

typedef struct gan_layer_schemas {
  const gan_layer_schema *const *rows;
  int count;
} gan_layer_schemas;

/* One entry of a list. */
typedef struct gan_layer_spec {
  const gan_layer_schema *schema;
  void *parameters; /* the struct that schema->options fills; owned */
  gan_origin origin;
} gan_layer_spec;

typedef struct gan_layer_list {
  gan_layer_spec *layers; /* owned */
  int count;
} gan_layer_list;

/* Layers of a list, those in their options' lists counted; how deep lists may lie in lists. */
enum { GAN_LAYERS_MAX = 4096, GAN_LAYERS_DEPTH_MAX = 8 };

GAN_CHECKED gan_status gan_layers_parse(gan_layer_list *list, const char *key, const gan_yaml *yaml,
                                        yaml_node_t *node);
void gan_layers_release(gan_layer_list *list);

/* The list's layers and those of the lists in their options. */
int gan_layers_total(const gan_layer_list *list);

/* A sequence node of the document; 0 if memory is short. */
int gan_layers_emit(const gan_layer_list *list, yaml_document_t *document);

#endif
