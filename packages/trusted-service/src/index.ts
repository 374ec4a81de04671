export { createMapping, type Mapping } from './mapping/mapping.ts'
