// Providerschema stands in for the providers of Terraform where their registry cannot be reached. It serves the schemas
// in schema.json and nothing else, so that `terraform validate` and `terraform test` with mocked providers can hold the
// names, types and nesting of arguments. What the providers themselves check, and what Google says, it cannot tell.
//
// It serves the provider that it is called after: terraform-provider-google, terraform-provider-archive.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// document has the form of `terraform providers schema -json`, cut down to what is used.
//
//go:embed schema.json
var document []byte

type schemas struct {
	Providers map[string]struct {
		Provider    schema            `json:"provider"`
		Resources   map[string]schema `json:"resource_schemas"`
		DataSources map[string]schema `json:"data_source_schemas"`
	} `json:"provider_schemas"`
}

type schema struct {
	Block block `json:"block"`
}

type block struct {
	Attributes map[string]struct {
		Type                         json.RawMessage `json:"type"`
		Required, Optional, Computed bool
	} `json:"attributes"`
	Blocks map[string]struct {
		Nesting  string `json:"nesting_mode"`
		Block    block  `json:"block"`
		MinItems int64  `json:"min_items"`
		MaxItems int64  `json:"max_items"`
	} `json:"block_types"`
}

func main() {
	if err := serve(strings.TrimPrefix(filepath.Base(os.Args[0]), "terraform-provider-")); err != nil {
		fmt.Fprintln(os.Stderr, "providerschema:", err)
		os.Exit(1)
	}
}

func serve(name string) error {
	var all schemas
	if err := json.Unmarshal(document, &all); err != nil {
		return fmt.Errorf("reading schema.json: %w", err)
	}
	address := "registry.terraform.io/hashicorp/" + name
	known, is := all.Providers[address]
	if !is {
		return fmt.Errorf("there is no schema of %s", address)
	}
	response := &tfprotov5.GetProviderSchemaResponse{
		Provider:          known.Provider.protocol(),
		ResourceSchemas:   make(map[string]*tfprotov5.Schema),
		DataSourceSchemas: make(map[string]*tfprotov5.Schema),
	}
	for name, of := range known.Resources {
		response.ResourceSchemas[name] = of.protocol()
	}
	for name, of := range known.DataSources {
		response.DataSourceSchemas[name] = of.protocol()
	}
	return tf5server.Serve(address, func() tfprotov5.ProviderServer { return standIn{schema: response} })
}

func (s schema) protocol() *tfprotov5.Schema { return &tfprotov5.Schema{Block: s.Block.protocol()} }

func (b block) protocol() *tfprotov5.SchemaBlock {
	made := new(tfprotov5.SchemaBlock)
	for name, of := range b.Attributes {
		made.Attributes = append(made.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: typeOf(of.Type), Required: of.Required, Optional: of.Optional, Computed: of.Computed,
		})
	}
	for name, of := range b.Blocks {
		nesting := map[string]tfprotov5.SchemaNestedBlockNestingMode{
			"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
			"list":   tfprotov5.SchemaNestedBlockNestingModeList,
			"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
		}[of.Nesting]
		made.BlockTypes = append(made.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Nesting: nesting, Block: of.Block.protocol(), MinItems: of.MinItems, MaxItems: of.MaxItems,
		})
	}
	return made
}

// typeOf reads a type as Terraform writes it: "string", or ["list", "string"].
func typeOf(written json.RawMessage) tftypes.Type {
	read, err := tftypes.ParseJSONType(written) //nolint:staticcheck // there is no other reader of this form
	if err != nil {
		panic(fmt.Sprintf("schema.json: %s: %v", written, err))
	}
	return read
}
