import express from "./express.cjs";

export const { HeadraceStore } = express;
export default express;
